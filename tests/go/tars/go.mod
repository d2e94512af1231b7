module pymosn.invalid/peers/tars

go 1.24

require github.com/TarsCloud/TarsGo v1.4.5

require go.uber.org/automaxprocs v1.5.2 // indirect
