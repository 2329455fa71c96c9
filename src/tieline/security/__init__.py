"""Security built in: identities, audit, zones; monitoring and compliance on top of them."""
