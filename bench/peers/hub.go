// What hub.rs measures, in Go: hub CASE COUNT prints wall and CPU nanoseconds for each.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	runtime.GOMAXPROCS(1)
	name := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	wall, used := time.Now(), cpu()
	var group sync.WaitGroup
	switch name {
	case "spawn":
		for i := 0; i < count; i++ {
			done := make(chan struct{})
			go func() { close(done) }()
			<-done
		}
	case "spawn-many":
		group.Add(count)
		for i := 0; i < count; i++ {
			go func() { group.Done() }()
		}
		group.Wait()
	case "yield":
		group.Add(1000)
		for i := 0; i < 1000; i++ {
			go func() {
				for j := 0; j < count/1000; j++ {
					runtime.Gosched()
				}
				group.Done()
			}()
		}
		group.Wait()
	case "timers":
		group.Add(count)
		for i := 0; i < count; i++ {
			go func(i int) {
				time.Sleep(time.Duration(i*7919%100000) * time.Microsecond)
				group.Done()
			}(i)
		}
		group.Wait()
	default:
		os.Exit(2)
	}
	each := func(total int64) float64 { return float64(total) / float64(count) }
	fmt.Println(each(time.Since(wall).Nanoseconds()), each(cpu()-used))
}
