package main
import (
 _ "github.com/notaryproject/notation-go"
 _ "github.com/notaryproject/notation-go/verifier"
 _ "github.com/notaryproject/notation-core-go/signature/jws"
 _ "github.com/notaryproject/notation-core-go/signature/cose"
)
func main(){}
