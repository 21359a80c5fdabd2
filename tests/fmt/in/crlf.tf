a=1
# c
b {
c=<<X
text
X
}
