resource "aws_x" "y" {
  name = "n"
  tags = {
    A   = 1
    Bbb = 2
  }
  lifecycle {
    create_before_destroy = true
  }
}
a {}
b {}
c { x = 1 }
d "l1" "l2" /* stays */ {
}
e "with\ttab" "é\u200b" {

  // inside


  x = 1
}
# at the end
