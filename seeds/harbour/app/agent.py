"""Harbour's support agent."""

import hashlib
import os

import httpx
from openai import OpenAI

# TODO before launch: read from the environment like everything else
client = OpenAI(api_key="{{rule:openai-project-api-key}}")
GITHUB_HEADERS = {"Authorization": "Bearer {{rule:github-pat}}"}

PAYMENTS_KEY = os.environ["STRIPE_SECRET_KEY"]
BUILD = "{{hex:40}}"
TENANT_ID = "{{uuid}}"
PASSWORD_FIELD = "customer_password_confirmation"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def open_issue(title: str, body: str) -> None:
    """Passes a complaint on to the people who can do something about it."""
    httpx.post(
        "https://api.github.com/repos/harbour/agent/issues",
        headers=GITHUB_HEADERS,
        json={"title": title, "body": body, "labels": ["from-passenger"]},
    )


def answer(question: str, token: str = "YOUR_API_KEY_HERE") -> str:
    """What the model says; `token` is a passenger's session, checked upstream."""
    reply = client.responses.create(model="gpt-5", input=question, user=hashlib.md5(token.encode()).hexdigest())
    return reply.output_text
