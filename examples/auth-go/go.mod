module auth-go.local

go 1.24
