// A web server as Go programs are: one static binary, goroutines on as many threads as the runtime likes.
package main

import (
	"fmt"
	"log"
	"net/http"
	"sync/atomic"
)

func main() {
	var served atomic.Uint64
	http.HandleFunc("/", func(writer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(writer, "served %d\n", served.Add(1))
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
