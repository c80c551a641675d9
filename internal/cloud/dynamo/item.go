package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"rcpt/internal/store"
)

// Names of the adapter's own attributes. The port leaves names that begin with
// "_" to us.
const (
	attrPart    = "PK"
	attrSort    = "SK"
	attrExpires = "_exp"
	attrMark    = "_n" // see expression.change
)

var errEncoding = errors.New("item is not written as it should be")

type attrs = map[string]types.AttributeValue

// nameOf returns the name an attribute is kept under.
func nameOf(attr string) string {
	if attr == attrPart || attr == attrSort {
		return "_" + attr
	}
	return attr
}

func encodeKey(key store.Key) attrs {
	return attrs{
		attrPart: &types.AttributeValueMemberB{Value: []byte(key.Part)},
		attrSort: &types.AttributeValueMemberB{Value: []byte(store.Cursor(key.Sort))},
	}
}

// encodeItem writes an item that has passed its check.
func encodeItem(item store.Item) attrs {
	encoded := encodeKey(item.Key)
	for name, value := range item.Attrs {
		encoded[nameOf(name)] = encodeValue(value)
	}
	if !item.Expires.IsZero() {
		encoded[attrExpires] = encodeValue(item.Expires.Unix())
	}
	return encoded
}

// encodeValue writes a value that has passed its check.
func encodeValue(value any) types.AttributeValue {
	switch v := value.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case int64:
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	}
	octets, _ := value.([]byte)
	return &types.AttributeValueMemberB{Value: append([]byte{}, octets...)}
}

// decodeItem reads an item; the zero Item of nothing.
func decodeItem(encoded attrs) (store.Item, error) {
	if len(encoded) == 0 {
		return store.Item{}, nil
	}
	item := store.Item{Attrs: make(store.Attrs, len(encoded))}
	var err error
	if item.Key, err = decodeKey(encoded); err != nil {
		return store.Item{}, err
	}
	for kept, encodedValue := range encoded {
		value, err := decodeValue(encodedValue)
		if err != nil {
			return store.Item{}, fmt.Errorf("attribute %q: %w", kept, err)
		}
		switch kept {
		case attrPart, attrSort, attrMark:
		case attrExpires:
			seconds, integer := value.(int64)
			if !integer {
				return store.Item{}, fmt.Errorf("expiry: %w", errEncoding)
			}
			item.Expires = time.Unix(seconds, 0).UTC()
		default:
			item.Attrs[strings.TrimPrefix(kept, "_")] = value
		}
	}
	return item, nil
}

func decodeKey(encoded attrs) (store.Key, error) {
	part, ok := encoded[attrPart].(*types.AttributeValueMemberB)
	sort, okay := encoded[attrSort].(*types.AttributeValueMemberB)
	if !ok || !okay {
		return store.Key{}, fmt.Errorf("key: %w", errEncoding)
	}
	return store.Key{Part: string(part.Value), Sort: strings.TrimPrefix(string(sort.Value), "\x00")}, nil
}

func decodeValue(value types.AttributeValue) (any, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return v.Value, nil
	case *types.AttributeValueMemberN:
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: number %s", errEncoding, v.Value)
		}
		return n, nil
	case *types.AttributeValueMemberBOOL:
		return v.Value, nil
	case *types.AttributeValueMemberB:
		return append([]byte{}, v.Value...), nil
	}
	return nil, fmt.Errorf("%w: type %T", errEncoding, value)
}
