module {{name}}.local

go 1.24
