"""The API in the shape of Netcore's v5 (formerly Pepipost): its published clients work with another base address."""
