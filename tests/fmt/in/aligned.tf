a = 1
long_name = 2 # c
b = [ # open
  1,
  ]
cc = 3 // x
ddd = 4 /* y */
é = 5 # z

# alone
e = 6
x = {
  a = 1, b = 2
  ccc = 3 # c
   d = { e = 1 }   # d
  "q r"=4
  (f) : 5
}
