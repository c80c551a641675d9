curl -sS "$RCPT_URL/v1/check" \
  -H "Authorization: Bearer $RCPT_KEY" \
  -H "Content-Type: application/json" \
  -d '{"email":"nobody@ok.test","policy":"b2c_strict"}'
# prints {"email":"nobody@ok.test","result":"undeliverable","reason":"mailbox_not_found",...}
