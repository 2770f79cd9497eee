"""Delivery reports as mail systems write them, about a mail with a given Message-ID."""

from hashlib import sha256

ADDRESS = "carl@customer.example"


def postfix(about: str, address: str = ADDRESS, status: str = "5.1.1", action: str = "failed") -> bytes:
    return _crlf(f"""\
Return-Path: <>
Date: Tue, 24 Nov 2026 09:31:02 +0000 (UTC)
From: MAILER-DAEMON@mx.customer.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: support@example.com
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F2B51C0.1795512662/mx.customer.example"
Message-Id: <20261124093102.{_number(about, address, status, action)}@mx.customer.example>

This is a MIME-encapsulated message.

--4F2B51C0.1795512662/mx.customer.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.customer.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{address}>: host 192.0.2.7[192.0.2.7] said: 550 {status}
    <{address}>: Recipient address rejected (in reply to RCPT TO command)

--4F2B51C0.1795512662/mx.customer.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customer.example
X-Postfix-Queue-ID: 4F2B51C0
Arrival-Date: Tue, 24 Nov 2026 09:31:01 +0000 (UTC)

Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Remote-MTA: dns; 192.0.2.7
Diagnostic-Code: smtp; 550 {status} <{address}>: Recipient address
    rejected

--4F2B51C0.1795512662/mx.customer.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: Example Support <support@example.com>
To: {address}
Subject: [#1] We have received your message
Message-ID: {about}
Auto-Submitted: auto-replied

Thank you.

--4F2B51C0.1795512662/mx.customer.example--
""")


def exchange(about: str, address: str = ADDRESS) -> bytes:
    return _crlf(f"""\
From: <postmaster@customer.example>
To: <support@example.com>
Date: Tue, 24 Nov 2026 10:31:04 +0100
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="e7a0b1c2-2f6d-4d0c-9c41-0f6a8a2f51d3"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <7a1f9d6c-0000-4a5e-8f58-2b1f6d0b6a11@exch01.customer.example>
In-Reply-To: {about}
References: {about}
Subject: Undeliverable: [#1] We have received your message
MIME-Version: 1.0

--e7a0b1c2-2f6d-4d0c-9c41-0f6a8a2f51d3
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="b2d1"

--b2d1
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Delivery has failed to these recipients or groups:

{address}<mailto:{address}>
The email address you entered couldn't be found.

--b2d1
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

<html><body><p>Delivery has failed to these recipients or groups:</p></body></html>

--b2d1--

--e7a0b1c2-2f6d-4d0c-9c41-0f6a8a2f51d3
Content-Type: message/delivery-status

Reporting-MTA: dns;exch01.customer.example
Received-From-MTA: dns;mail.example.com
Arrival-Date: Tue, 24 Nov 2026 09:31:03 +0000

Original-Recipient: rfc822;{address}
Final-Recipient: rfc822;{address}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
X-Display-Name: {address}

--e7a0b1c2-2f6d-4d0c-9c41-0f6a8a2f51d3
Content-Type: text/rfc822-headers

Received: from mail.example.com (192.0.2.1) by exch01.customer.example
From: Example Support <support@example.com>
To: <{address}>
Subject: [#1] We have received your message
Message-ID: {about}

--e7a0b1c2-2f6d-4d0c-9c41-0f6a8a2f51d3--
""")


def gmail(about: str, address: str = ADDRESS) -> bytes:
    return _crlf(f"""\
Return-Path: <>
Content-Type: multipart/report; boundary="000000000000a1b2c305e0"; report-type=delivery-status
To: support@example.com
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: {about}
In-Reply-To: {about}
X-Failed-Recipients: {address}
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
Message-ID: <61a4b2c8.1c69fb81.d3f5.GMR@mx.google.com>
Date: Tue, 24 Nov 2026 01:31:05 -0800 (PST)

--000000000000a1b2c305e0
Content-Type: text/plain; charset="UTF-8"


** Address not found **

Your message wasn't delivered to {address} because the address couldn't be found, or is unable to
receive mail.

--000000000000a1b2c305e0
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; support@example.com
Arrival-Date: Tue, 24 Nov 2026 01:31:04 -0800 (PST)
X-Original-Message-ID: {about}

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
 550 5.1.1 Please try double-checking the recipient's email address
Last-Attempt-Date: Tue, 24 Nov 2026 01:31:05 -0800 (PST)

--000000000000a1b2c305e0
Content-Type: message/rfc822

From: Example Support <support@example.com>
To: {address}
Message-ID: {about}
Subject: [#1] We have received your message

Thank you.

--000000000000a1b2c305e0--
""")


def _number(*parts: str) -> str:
    return sha256(" ".join(parts).encode()).hexdigest()[:12]


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
