variable "a" {
  type = "string"
}
variable "b" {
  type = "list"
}
variable "c" {
  type = list
}
variable "d" {
  type = "map"
  default = "${x}"
}
variable "e" {
  type = set
}
variable "f" {
  type = "number"
}
variable "g" {
  type = map
  nested {
    type = list
  }
}
output "x" {
  type = "list"
  a = "${var.x}"
  b = "${var.x}${var.y}"
  c = " ${var.x}"
  d = "${f("${x}")}"
  e = "${"x"}"
  f = "${
    a ? b
    : c
  }"
  g = "${(
    a
  )}"
  h = "${ {a = 1} }"
  i = "${a}" == "${b}"
  j = ["${a}", { b = "${c}" }]
  k = "${a /* c */}"
  l = "%{if a}b%{endif}"
  m = "${x ~}"
  n { o = "${p}" }
}
