// What sync.rs measures, in Go: sync CASE COUNT prints nanoseconds for each.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func thereAndBack(count, capacity int) {
	there, back := make(chan struct{}, capacity), make(chan struct{}, capacity)
	go func() {
		for i := 0; i < count; i++ {
			<-there
			back <- struct{}{}
		}
	}()
	for i := 0; i < count; i++ {
		there <- struct{}{}
		<-back
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	begin := time.Now()
	switch os.Args[1] {
	case "channel":
		thereAndBack(count, 0)
	case "queue", "event":
		thereAndBack(count, 1)
	case "event-many":
		for i := 0; i < count/10000; i++ {
			event := make(chan struct{})
			var group sync.WaitGroup
			group.Add(10000)
			for j := 0; j < 10000; j++ {
				go func() {
					<-event
					group.Done()
				}()
			}
			runtime.Gosched()
			close(event)
			group.Wait()
		}
	case "result":
		for i := 0; i < count; i++ {
			result := make(chan int, 1)
			go func() { result <- i }()
			if <-result != i {
				panic("another result")
			}
		}
	case "pool-map":
		places := make(chan struct{}, 100)
		squares := make([]int, count)
		var group sync.WaitGroup
		group.Add(count)
		for i := 0; i < count; i++ {
			places <- struct{}{}
			go func(i int) {
				squares[i] = i * i
				<-places
				group.Done()
			}(i)
		}
		group.Wait()
	case "threadpool":
		tasks, results := make(chan func() int), make(chan int)
		go func() {
			runtime.LockOSThread()
			for task := range tasks {
				results <- task()
			}
		}()
		for i := 0; i < count; i++ {
			tasks <- func() int { return i }
			if <-results != i {
				panic("another result")
			}
		}
	default:
		panic("no such case")
	}
	fmt.Println(float64(time.Since(begin).Nanoseconds()) / float64(count))
}
