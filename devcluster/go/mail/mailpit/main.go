// mailpit, with a page. The script and the style of its own page are built by npm and are not part of its Go module;
// here two small ones of ours stand in their places, and everything else is mailpit's.
package main

import (
	_ "embed"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/axllent/mailpit/cmd"
)

const (
	public = ":8025"
	inside = "127.0.0.1:8026"
)

//go:embed app.js
var script []byte

//go:embed app.css
var style []byte

func main() {
	os.Args = append(os.Args, "--listen="+inside)
	go serve()
	cmd.Execute()
}

func serve() {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /dist/app.js", file("text/javascript", script))
	routes.HandleFunc("GET /dist/app.css", file("text/css", style))
	routes.Handle("/", httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: inside}))
	server := &http.Server{Addr: public, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func file(kind string, content []byte) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Content-Type", kind+"; charset=utf-8")
		_, _ = writer.Write(content)
	}
}
