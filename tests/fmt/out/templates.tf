a = "x${b}y${~c~}z"
d = "%{if a}b%{else}c%{endif}%{for x in y~} ${x} %{endfor}"
e = "${a}${b}"
f = f("nested ${g} text")
g = "${ { a = 1 } }x"
h = "${[1, 2][0]}x"
