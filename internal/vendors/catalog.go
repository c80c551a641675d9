package vendors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"rcpt/internal/store"
)

// Vendor is what an operator may change about a vendor without code.
type Vendor struct {
	Name      Name
	Title     string        // for people
	Base      string        // URL without path
	Price     int64         // list price of one check, micro-dollars
	AtOnce    int64         // calls at a time for one account
	PerSecond int64         // calls in a second of the clock for one account; 0: no limit
	Timeout   time.Duration // how long one call may take
}

// Catalog lists vendors in the order in which they are asked.
type Catalog []Vendor

// Defaults returns the five vendors in the order of their list prices. The
// numbers at once are those the vendors document or, for NeverBounce, that do
// not look like a stored list walked through; Hunter takes 300 a minute. Call
// times leave room for the next vendor within 25 seconds. The result is the
// caller's.
func Defaults() Catalog {
	return Catalog{
		{Name: MillionVerifier, Title: "MillionVerifier", Base: "https://api.millionverifier.com", Price: 4900, AtOnce: 10, Timeout: 12 * time.Second},
		{Name: Reoon, Title: "Reoon", Base: "https://emailverifier.reoon.com", Price: 5000, AtOnce: 5, Timeout: 15 * time.Second},
		{Name: NeverBounce, Title: "NeverBounce", Base: "https://api.neverbounce.com", Price: 8000, AtOnce: 5, Timeout: 12 * time.Second},
		{Name: ZeroBounce, Title: "ZeroBounce", Base: "https://api.zerobounce.net", Price: 8000, AtOnce: 10, Timeout: 12 * time.Second},
		{Name: Hunter, Title: "Hunter", Base: "https://api.hunter.io", Price: 9800, AtOnce: 5, PerSecond: 5, Timeout: 22 * time.Second},
	}
}

// Find returns the vendor of a name.
func (c Catalog) Find(name Name) (Vendor, bool) {
	i := slices.IndexFunc(c, func(v Vendor) bool { return v.Name == name })
	if i < 0 {
		return Vendor{}, false
	}
	return c[i], true
}

// ErrCatalog: a catalog that cannot be used. The text says why.
var ErrCatalog = errors.New("catalog not accepted")

// maxPrice keeps sums of prices far from the end of an int64: a thousand dollars.
const maxPrice = 1_000_000_000

// change is an entry of a catalog as an operator writes it. What is missing
// stays as it is.
type change struct {
	Provider  Name     `json:"provider"`
	Price     *float64 `json:"list_price_usd,omitempty"`
	AtOnce    *int64   `json:"at_once,omitempty"`
	PerSecond *int64   `json:"per_second,omitempty"`
	TimeoutMS *int64   `json:"timeout_ms,omitempty"`
	Base      *string  `json:"base_url,omitempty"`
}

func readChanges(text []byte) (changes []change, err error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&changes); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalog, err)
	}
	return changes, nil
}

// With returns the catalog changed by a JSON array of objects: "provider" and,
// each optional, "list_price_usd", "at_once" (1 to 100), "per_second" (0: no
// limit), "timeout_ms" (1000 to 25000), "base_url". An array that names all
// vendors is in the order wanted; else the cheapest comes first, so that who
// changes one number of a vendor does not put it before a cheaper one. ErrCatalog
// when that cannot be.
func (c Catalog) With(text []byte) (Catalog, error) {
	changes, err := readChanges(text)
	if err != nil {
		return nil, err
	}
	var first Catalog
	for _, change := range changes {
		v, known := c.Find(change.Provider)
		if _, again := first.Find(change.Provider); !known || again {
			return nil, fmt.Errorf("%w: provider %q is not known, or named twice", ErrCatalog, change.Provider)
		}
		change.apply(&v)
		if err := v.check(); err != nil {
			return nil, err
		}
		first = append(first, v)
	}
	if len(first) == len(c) {
		return first, nil
	}
	all := slices.Clone(c)
	for i, v := range all {
		if changed, named := first.Find(v.Name); named {
			all[i] = changed
		}
	}
	slices.SortStableFunc(all, func(a, b Vendor) int { return cmp.Compare(a.Price, b.Price) })
	return all, nil
}

// news is the changes without what they leave as it is in the catalog. Who reads
// the catalog in force, changes one number and sends all of it does not mean to
// hold on to the other ones for ever, such as to the port of a double.
func (c Catalog) news(text []byte) ([]byte, error) {
	changes, err := readChanges(text)
	if err != nil {
		return nil, err
	}
	for i := range changes {
		v, _ := c.Find(changes[i].Provider)
		changes[i].shorten(v)
	}
	return json.Marshal(changes)
}

func (c *change) shorten(v Vendor) {
	same := v
	c.apply(&same)
	if same.Price == v.Price {
		c.Price = nil
	}
	if same.AtOnce == v.AtOnce {
		c.AtOnce = nil
	}
	if same.PerSecond == v.PerSecond {
		c.PerSecond = nil
	}
	if same.Timeout == v.Timeout {
		c.TimeoutMS = nil
	}
	if same.Base == v.Base {
		c.Base = nil
	}
}

func (c change) apply(v *Vendor) {
	if c.Price != nil {
		v.Price = int64(min(max(*c.Price, -1), maxPrice)*1e6 + 0.5)
	}
	if c.AtOnce != nil {
		v.AtOnce = *c.AtOnce
	}
	if c.PerSecond != nil {
		v.PerSecond = *c.PerSecond
	}
	if c.TimeoutMS != nil {
		v.Timeout = time.Duration(min(max(*c.TimeoutMS, 0), 1e6)) * time.Millisecond
	}
	if c.Base != nil {
		v.Base = *c.Base
	}
}

func (v Vendor) check() error {
	base, err := url.Parse(v.Base)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return fmt.Errorf("%w: base_url of %s must be http(s)://host", ErrCatalog, v.Name)
	case v.Price < 0 || v.Price > maxPrice:
		return fmt.Errorf("%w: list_price_usd of %s must be 0 to %d", ErrCatalog, v.Name, maxPrice/1_000_000)
	case v.AtOnce < 1 || v.AtOnce > 100:
		return fmt.Errorf("%w: at_once of %s must be 1 to 100", ErrCatalog, v.Name)
	case v.PerSecond < 0:
		return fmt.Errorf("%w: per_second of %s must be at least 0", ErrCatalog, v.Name)
	case v.Timeout < time.Second || v.Timeout > maxCall:
		return fmt.Errorf("%w: timeout_ms of %s must be 1000 to %d", ErrCatalog, v.Name, maxCall.Milliseconds())
	}
	return nil
}

// maxCall is the longest call: a place among the calls at once is held for 30
// seconds, see package usage, and may have been kept for maxKept before.
const maxCall = 25 * time.Second

// Catalogs keeps the operator's changes in the control table:
//
//	VENDORS  what With reads, in text
//
// It is safe for concurrent use.
type Catalogs struct {
	table store.Table
	base  Catalog
	now   func() time.Time

	mu    sync.Mutex
	log   *slog.Logger // of the first Chain over it; nil: nothing is logged
	known Catalog
	until time.Time
	odd   string // what was stored last and could not be read: told of once
}

// NewCatalogs returns the catalog base, as changed by the operator in the table.
func NewCatalogs(table store.Table, base Catalog, now func() time.Time) *Catalogs {
	return &Catalogs{table: table, base: base, now: now}
}

// catalogLife is how late a change made in another process shows here.
const catalogLife = time.Minute

func catalogKey() store.Key { return store.Key{Part: "VENDORS"} }

// Load returns the catalog in force. The result is shared and must not be
// changed. What is stored and cannot be read, written by hand or for another
// version, does not keep anybody from verifying: then the catalog is the last
// one that could, or the base, and the log says so. The error is the Table's.
func (c *Catalogs) Load(ctx context.Context) (Catalog, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.known != nil && now.Before(c.until) {
		return c.known, nil
	}
	item, err := c.table.Get(ctx, catalogKey())
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.known = c.base
	case err != nil:
		return nil, fmt.Errorf("read vendor catalog: %w", err)
	default:
		c.take(item.Str("text"))
	}
	c.until = now.Add(catalogLife)
	return c.known, nil
}

// take puts what is stored in force, if it can be.
func (c *Catalogs) take(text string) {
	catalog, err := c.base.With([]byte(text))
	if err == nil {
		c.known, c.odd = catalog, ""
		return
	}
	if c.known == nil {
		c.known = c.base
	}
	if c.odd != text && c.log != nil {
		c.log.Error("read vendor catalog: the one before stays in force", "error", err)
		c.odd = text
	}
}

// tell names the log.
func (c *Catalogs) tell(log *slog.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log == nil {
		c.log = log
	}
}

// Save replaces the operator's changes by those in text, see Catalog.With; an
// empty text takes them away.
func (c *Catalogs) Save(ctx context.Context, text []byte) error {
	var err error
	if len(text) == 0 {
		err = c.table.Delete(ctx, catalogKey())
	} else if _, err = c.base.With(text); err != nil {
		return fmt.Errorf("save vendor catalog: %w", err)
	} else if text, err = c.base.news(text); err == nil {
		err = c.table.Put(ctx, store.Item{Key: catalogKey(), Attrs: store.Attrs{"text": string(text)}})
	}
	if err != nil {
		return fmt.Errorf("save vendor catalog: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
	return nil
}
