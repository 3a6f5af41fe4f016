// The program in the images of the test cluster. What it does is settled by
// the environment in the image's configuration, so that an image's digest says
// how its pods behave.
//
//	VERSION  what it answers at /
//	MODE     ok, crash, crash-times=N, late=SECONDS, never, job-ok, job-fail or pause
//
// It listens on :8080: / answers the version, /ready 200 or 503, /crash ends it.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// How long it serves on after SIGTERM: by then whoever asks for Ready pods no
// longer finds this one.
const farewell = time.Second

// Counts the starts of crash-times; a volume, as a restarted container has
// files of its own.
const state = "/state"

func main() {
	mode, argument, _ := strings.Cut(os.Getenv("MODE"), "=")
	number, err := strconv.Atoi(argument)
	if argument != "" && err != nil {
		fail("MODE: %v", err)
	}
	ready := time.Now()
	switch mode {
	case "ok":
	case "crash":
		fail("cannot start: crashing as configured")
	case "crash-times":
		if start := countStart(); start <= number {
			fail("cannot start: crash %d of %d", start, number)
		}
	case "late":
		ready = ready.Add(time.Duration(number) * time.Second)
	case "never":
		ready = time.Unix(1<<40, 0)
	case "job-ok":
		fmt.Println("done")
		return
	case "job-fail":
		fail("the job failed as configured")
	case "pause":
		pause()
		return
	default:
		fail("MODE %q is unknown", mode)
	}
	serve(os.Getenv("VERSION"), ready)
}

func serve(version string, ready time.Time) {
	var leaving atomic.Bool
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, version)
	})
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if leaving.Load() || time.Now().Before(ready) {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) {
		fail("crashed on request")
	})
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		fail("%v", err)
	}
	fmt.Println("serving", version)
	server := &http.Server{}
	go server.Serve(listener)
	<-terminated
	leaving.Store(true)
	time.Sleep(farewell)
	server.Shutdown(context.Background())
}

// Which start of the pod's container this is, from 1.
func countStart() int {
	file := filepath.Join(state, "starts")
	text, _ := os.ReadFile(file)
	starts, _ := strconv.Atoi(string(text))
	starts++
	if err := os.WriteFile(file, []byte(strconv.Itoa(starts)), 0o600); err != nil {
		fail("crash-times needs a volume at %s: %v", state, err)
	}
	return starts
}

// What holds a pod's namespaces: waits to be ended, and buries orphans.
func pause() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
