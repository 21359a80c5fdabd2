a=1
bb   =  2 # two
ccc=[1,2 , 3]// three

d = {a=1,b : 2}
e={ }
f=[ ]
g = f( 1 ,2... )
h = [ -1,- 2, a -1, 1-1, !b,! c , d[0], e . f, (1) [0], [1][0] , x. *.y, a [ * ] , g (x) , p :: q (x) ]
i = a?b:c
j = a==1&&b!=2||c>=3
k = { for  k,v in m:k=>v... if v }
l = [for x in [1,2]:x]
m = -a - -b*-c
n = a.0.b
o = provider::p::f( x )
