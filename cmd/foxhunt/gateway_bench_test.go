package main

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkGateway sends requests from eight clients to a gateway in front of a worker with a small plain network, all in
// this process: one receiver of 4480 samples as numbers with all their digits (180 KB) and in base64 (12 KB). Nothing comes from a cache.
func BenchmarkGateway(b *testing.B) {
	for _, form := range []string{"numbers", "base64"} {
		b.Run(form, func(b *testing.B) { benchmarkGateway(b, form == "base64") })
	}
}

func benchmarkGateway(b *testing.B, base64 bool) {
	h := newHouse(b)
	h.startWorker(b, "--model", plainFile(b))
	g := h.startGateway(b)
	g.client.Transport = &http.Transport{MaxIdleConnsPerHost: 8}
	request := oneSample(1)
	request["cache_enabled"] = false
	if base64 {
		delete(request, "iq_data")
		request["iq"], request["format"] = make([]byte, 2*4480), "cu8"
	}
	body := asJSON(b, request)
	var mu sync.Mutex
	var took []time.Duration
	work := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range work {
				began := time.Now()
				if a := g.ask(b, http.MethodPost, predictPage, "application/json", body); a.status != http.StatusOK {
					b.Errorf("%d %s", a.status, a.body)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	clients.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*95/100].Seconds()*1e3, "p95-ms")
}
