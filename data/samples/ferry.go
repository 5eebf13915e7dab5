// Package ferry moves parcels over the river in the order of their arrival.
package ferry

import (
	"errors"
	"sync"
)

// ErrFull says that no parcel fits any more.
var ErrFull = errors.New("the ferry is full")

const (
	berths   = 8
	maxGrams = 40_000
)

// Parcel is one thing to carry.
type Parcel struct {
	ID    string
	Grams int
}

// Carrier is whatever takes parcels.
type Carrier interface {
	Load(p Parcel) error
	Unload() []Parcel
}

// Ferry carries a few parcels at a time.
type Ferry struct {
	mu      sync.Mutex
	parcels []Parcel
	grams   int
}

// New returns an empty ferry.
func New() *Ferry {
	return &Ferry{}
}

// Load takes a parcel on board if there is room for it.
func (f *Ferry) Load(p Parcel) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.parcels) == berths || f.grams+p.Grams > maxGrams {
		return ErrFull
	}
	f.parcels = append(f.parcels, p)
	f.grams += p.Grams
	return nil
}

// Unload gives the parcels back, the first one first.
func (f *Ferry) Unload() []Parcel {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.parcels
	f.parcels, f.grams = nil, 0
	return taken
}

func sum[T int | float64](values ...T) (total T) {
	for _, value := range values {
		total += value
	}
	return total
}
