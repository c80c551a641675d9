# The URL to give to the ESP is $RCPT_URL/v1/hooks/resend/ with the hook token of the key behind it.
curl -sS -X PUT "$RCPT_URL/v1/hooks/resend" \
  -H "Authorization: Bearer $RCPT_KEY" \
  -H "Content-Type: application/json" \
  -d '{"secret":"whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE"}'
# prints {"esp":"resend","path":"/v1/hooks/resend/{hook_token}","declared":true,"signed":true,...}
