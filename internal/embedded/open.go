package embedded

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long Open waits for another process to let go of the folder:
// long enough for one that is just ending, short enough to be told at once.
const lockWait = time.Second

func openTable(path string, durable bool, now func() time.Time) (*table, error) {
	db, err := openBolt(path, durable)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: %w", path, ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &table{bolt: db, durable: durable, now: now, commits: newCommits()}, nil
}

// openBolt opens a file and reads all of it. bbolt trusts its file: a damaged one
// can make it panic, or fault on memory mapped beyond the end of a file cut
// short. Both become ErrDamaged.
func openBolt(path string, durable bool) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		err = fmt.Errorf("%w: %v", ErrDamaged, reason)
		// A panic inside bolt.Open leaves nothing to close: the mapping, and with
		// it the lock on this file, stays until the process ends.
		if db != nil {
			err = errors.Join(err, db.Close())
			db = nil
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout:      lockWait,
		NoSync:       !durable,
		NoStatistics: true,
		FreelistType: bolt.FreelistMapType, // the default slows down with many free pages
	})
	if err != nil {
		return nil, classify(err)
	}
	if err := prepare(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// classify tells a file that bbolt does not understand from a system that does
// not let it work.
func classify(err error) error {
	var system syscall.Errno
	if errors.Is(err, berrors.ErrTimeout) || errors.As(err, &system) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// prepare makes the bucket of a new file, or reads an old one. The walk comes
// first: it meets what faults in this goroutine, where a fault can be caught;
// bbolt's own check, of the free pages above all, runs in another.
func prepare(db *bolt.DB) error {
	file, err := os.Stat(db.Path())
	if err != nil {
		return fmt.Errorf("look at size: %w", err)
	}
	fresh := false
	err = db.View(func(tx *bolt.Tx) error {
		if tx.Size() > file.Size() {
			return fmt.Errorf("cut short at %d octets of %d", file.Size(), tx.Size())
		}
		bucket := items(tx)
		if fresh = bucket == nil; fresh {
			return nil
		}
		if err := walk(bucket); err != nil {
			return err
		}
		if err := tx.ForEach(touch); err != nil {
			return err
		}
		var problem error
		for err := range tx.Check() { // to the end, or its goroutine stays
			if problem == nil {
				problem = err
			}
		}
		return problem
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !fresh {
		return nil
	}
	return db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("items"))
		return err
	})
}

// walk reads every key, and of every value the head.
func walk(bucket *bolt.Bucket) error {
	return bucket.ForEach(func(key, value []byte) error {
		if _, err := splitKey(key); err != nil || len(value) < headerSize {
			return errEncoding
		}
		return nil
	})
}

// touch reads every key of a bucket other than items, and of those in it: queues
// and executions.
func touch(name []byte, bucket *bolt.Bucket) error {
	if string(name) == "items" {
		return nil
	}
	return bucket.ForEach(func(key, value []byte) error {
		if value != nil {
			return nil
		}
		if nested := bucket.Bucket(key); nested != nil {
			return touch(key, nested)
		}
		return nil
	})
}

// close lets the kernel write out a cache that is closed in order, so that a
// restart of the machine does not cost it.
func (t *table) close() error {
	var synced error
	if !t.durable {
		synced = t.bolt.Sync()
	}
	return errors.Join(synced, t.bolt.Close())
}
