curl -sS "$RCPT_URL/v1/verify" \
  -H "Authorization: Bearer $RCPT_KEY" \
  -H "Content-Type: application/json" \
  -d '{"email":"alice@ok.test"}'
# prints {"email":"alice@ok.test","status":"VALID","score":...,"reason":"smtp_verified","action":"accept",...}
