package esp

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ErrTopic: no ARN of an SNS topic. From CheckTopic only.
var ErrTopic = errors.New("malformed topic ARN")

// CheckTopic judges an ARN before it is declared for a hook. The error is
// ErrTopic and says what is expected.
func CheckTopic(arn string) error {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || !isRegion(parts[3]) ||
		parts[1] != "aws" && parts[1] != "aws-cn" && parts[1] != "aws-us-gov" ||
		len(parts[4]) != 12 || strings.Trim(parts[4], "0123456789") != "" || !isTopicName(parts[5]) {
		return fmt.Errorf("%w: arn:aws:sns:REGION:ACCOUNT:NAME is expected", ErrTopic)
	}
	return nil
}

// isTopicName follows the API reference of CreateTopic: 1 to 256 letters,
// digits, hyphens and underscores. FIFO topics, which end in .fifo, do not
// deliver over HTTP.
func isTopicName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !letterOrDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= 256
}

// ParseCertificate reads the file at a SigningCertURL: the first certificate in
// PEM, with an RSA key of at least 2,048 bits. The error is ErrCertificate. It is
// for those who write Hook.Certificate; they fetch over https, follow no
// redirect, and limit size (the file has 2 KB), time, and how many they keep.
func ParseCertificate(file []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: no certificate in PEM", ErrCertificate)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the certificate cannot be read", ErrCertificate)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return nil, fmt.Errorf("%w: an RSA key of at least 2048 bits is expected", ErrCertificate)
	}
	return certificate, nil
}

// signingCertificate returns the certificate at a SigningCertURL, valid at the
// time of signing. Why it could not be had stays with Hook.Certificate: the
// error may be shown to the sender.
func signingCertificate(h Hook, at string, signed time.Time) (*x509.Certificate, error) {
	if !isCertificateURL(at) {
		return nil, unsigned("SigningCertURL is no certificate at Amazon SNS")
	}
	if h.Certificate == nil {
		return nil, fmt.Errorf("%w: nothing fetches it", ErrCertificate)
	}
	certificate, err := h.Certificate(at)
	if err != nil || certificate == nil {
		return nil, ErrCertificate
	}
	if signed.Before(certificate.NotBefore) || signed.After(certificate.NotAfter) {
		return nil, fmt.Errorf("%w: it was not valid when the message was signed", ErrCertificate)
	}
	return certificate, nil
}

// isCertificateURL reports whether text is the URL of a file NAME.pem at Amazon
// SNS. A query is refused: the API behind the same host answers those, with
// words of the caller's choice.
func isCertificateURL(text string) bool {
	u, ok := snsURL(text)
	if !ok || strings.Contains(text, "?") {
		return false
	}
	name, ok := strings.CutSuffix(strings.TrimPrefix(u.EscapedPath(), "/"), ".pem")
	return ok && isTopicName(name) // the same letters: SimpleNotificationService-0f3a9c
}

// isSubscribeURL reports whether text is the call that confirms the subscription
// of topic, and nothing else.
func isSubscribeURL(text, topic, token string) bool {
	u, ok := snsURL(text)
	if !ok || u.EscapedPath() != "/" {
		return false
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query) != 3 || token == "" {
		return false
	}
	for name, want := range map[string]string{"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token} {
		if values := query[name]; len(values) != 1 || values[0] != want {
			return false
		}
	}
	return true
}

// snsURL parses a URL of https://sns.REGION.amazonaws.com (.cn for China). What
// two readers of a URL could take for different hosts is refused: user, port,
// fragment, escapes and capitals in the host, backslashes, blanks.
func snsURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || len(text) > 2048 || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f }) ||
		strings.ContainsAny(text, `\#@`) || !isSNSHost(u.Host) || !strings.HasPrefix(text, "https://"+u.Host+"/") {
		return nil, false
	}
	return u, true
}

// isSNSHost is stricter than the pattern that AWS's validators use,
// sns.[a-zA-Z0-9-]{3,}.amazonaws.com: that one takes the S3 bucket "sns" of
// sns.s3-us-west-2.amazonaws.com, too.
func isSNSHost(host string) bool {
	region, ok := strings.CutPrefix(host, "sns.")
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	region, found := strings.CutSuffix(region, suffix)
	return ok && found && isRegion(region)
}

// isRegion reports whether text has the form of an AWS region: words of lower
// case letters, then a number, as in us-gov-west-1.
func isRegion(text string) bool {
	words := strings.Split(text, "-")
	if len(words) < 3 || len(text) > 32 {
		return false
	}
	number := words[len(words)-1]
	for _, word := range words[:len(words)-1] {
		if len(word) < 2 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return number != "" && len(number) <= 2 && strings.Trim(number, "0123456789") == ""
}
