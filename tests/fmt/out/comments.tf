/* first */ a           = 1
a1                      = /* mid */ 2 # end
/* multi
     line */ b = 3
c = [ # one
  # two
  1, # three
  2  // four
/* five */]
d { # six
  e  = 1 /* seven */
  ff = 2 /* eight */ # nine
/* ten */ }
g = f(1 # eleven
, 2)
