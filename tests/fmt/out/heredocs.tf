a = <<EOT
  kept   as is ${b + 1}
EOT
b = <<-EOT
      also
       ${f(
1,
2)} and %{if x}y%{else~} z %{endif}
    EOT
cc = 3
d = f(<<X
x
X
, 1) # comment
e = {
  f = <<X
text
X
  g = 1
}
