"""Passkeys (WebAuthn)."""
