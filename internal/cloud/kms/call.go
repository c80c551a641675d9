package kms

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"rcpt/internal/store"
)

// call carries out one operation of KMS. The SDK repeats it when that may help:
// no operation we use changes anything.
func call[In, Out any](
	ctx context.Context, v *Vault,
	operation func(context.Context, *In, ...func(*kms.Options)) (*Out, error), in *In,
) (*Out, error) {
	bounded, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	out, err := operation(bounded, in)
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return nil, translate(err, bounded.Err() != nil)
}

// translate turns an error of KMS into the port's. A key that is gone, disabled
// or not ours to use is no ErrSealed: that is a fault of the deployment, and a
// value must not look forged by it.
func translate(err error, late bool) error {
	var invalid *types.InvalidCiphertextException
	var incorrect *types.IncorrectKeyException
	switch {
	case errors.As(err, &invalid), errors.As(err, &incorrect):
		return fmt.Errorf("%w: %w", store.ErrSealed, err)
	case late, retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary:
		return fmt.Errorf("%w: %w", store.ErrThrottled, err)
	}
	return err
}
