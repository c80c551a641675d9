package esp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"rcpt/internal/esp"
)

var certificateURLs = []struct {
	url string
	ok  bool
}{
	{signingAt, true},
	{"https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0f3a9c.pem", true},
	{"https://sns.ap-southeast-5.amazonaws.com/a.pem", true},
	{"https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0f3a9c.pem", true},
	{"https://sns.cn-north-1.amazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com.cn/a.pem", false},
	{"http://sns.eu-west-1.amazonaws.com/a.pem", false},
	{"HTTPS://sns.eu-west-1.amazonaws.com/a.pem", false},
	{"//sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https:sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https:/\\sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://SNS.eu-west-1.amazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com:443/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com:/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com./a.pem", false},
	{"https://user@sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com@evil.example/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com%40evil.example/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com%2Fevil.example/a.pem", false},
	{"https://sns.eu-west-1%2eamazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com\\.evil.example/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", false},
	{"https://evil.example/sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://evil.example#sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://evil.example?sns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://evilsns.eu-west-1.amazonaws.com/a.pem", false},
	{"https://sns.s3-us-west-2.amazonaws.com/a.pem", false}, // anybody's bucket of the name sns
	{"https://sns.s3.amazonaws.com/a.pem", false},
	{"https://sns.amazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.elb.amazonaws.com/a.pem", false},
	{"https://s3.eu-west-1.amazonaws.com/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/a.txt", false},
	{"https://sns.eu-west-1.amazonaws.com/.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/a.pem/", false},
	{"https://sns.eu-west-1.amazonaws.com/a.pem?x=1", false},
	{"https://sns.eu-west-1.amazonaws.com/?Action=GetTopicAttributes&a=.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/a.pem#b", false},
	{"https://sns.eu-west-1.amazonaws.com/../a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/x/a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/x%2fa.pem", false},
	{"https://sns.eu-west-1.amazonaws.com//a.pem", false},
	{"https://sns.eu-west-1.amazonaws.com/a\n.pem", false},
	{" " + signingAt, false},
	{signingAt + " ", false},
	{"https://sns.eu-west-1.amazonaws.com/" + strings.Repeat("a", 3000) + ".pem", false},
	{"", false},
}

func TestCertificatesAreFetchedFromAmazonOnly(t *testing.T) {
	a := newAmazon(t)
	for _, c := range certificateURLs {
		a.fetched = nil
		e := notification(map[string]any{"SigningCertURL": c.url})
		a.sign(t, e)
		_, err := esp.Read("ses", a.hook(), envelopeRequest(e))
		if got := len(a.fetched) == 1; got != c.ok || (err == nil) != c.ok || !c.ok && !errors.Is(err, esp.ErrSignature) {
			t.Errorf("%q: fetched %q, %v; want it taken: %v", c.url, a.fetched, err, c.ok)
		}
	}
}

func TestParseCertificate(t *testing.T) {
	a := newAmazon(t)
	small, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	if c, err := esp.ParseCertificate(block("CERTIFICATE", a.certificate.Raw)); err != nil || !c.Equal(a.certificate) {
		t.Errorf("a certificate: %v, %v", c, err)
	}
	for claim, file := range map[string][]byte{
		"nothing":           nil,
		"a page":            []byte("<html>"),
		"no certificate":    block("PRIVATE KEY", a.certificate.Raw),
		"a broken one":      block("CERTIFICATE", a.certificate.Raw[:100]),
		"a key of no RSA":   block("CERTIFICATE", selfSigned(t, small, &small.PublicKey)),
		"DER without PEM":   a.certificate.Raw,
		"a PEM of no block": []byte("-----BEGIN CERTIFICATE-----\n"),
	} {
		if c, err := esp.ParseCertificate(file); !errors.Is(err, esp.ErrCertificate) || c != nil {
			t.Errorf("%s: %v, %v; want ErrCertificate", claim, c, err)
		}
	}
}

func TestCheckTopic(t *testing.T) {
	for arn, ok := range map[string]bool{
		topic: true,
		"arn:aws-cn:sns:cn-north-1:123456789012:a_B-3":                   true,
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a":                true,
		"arn:aws:sns:eu-west-1:123456789012:a.fifo":                      false,
		"arn:aws:sqs:eu-west-1:123456789012:a":                           false,
		"arn:aws:sns:eu-west-1:12345678901:a":                            false,
		"arn:aws:sns:eu-west-1:123456789012:":                            false,
		"arn:aws:sns:eu-west-1:123456789012:a:b":                         false,
		"arn:aws:sns::123456789012:a":                                    false,
		"arn:aws:sns:eu-west-1:123456789012:" + strings.Repeat("a", 257): false,
		"ses-feedback": false,
		" " + topic:    false,
		"":             false,
	} {
		if err := esp.CheckTopic(arn); (err == nil) != ok || err != nil && !errors.Is(err, esp.ErrTopic) {
			t.Errorf("%q: %v, want it taken: %v", arn, err, ok)
		}
	}
}
