"""Single sign-on: OpenID Connect with the one provider that the settings name."""
