"""The talks of the sample mail: data, one module a circle of people. Imported by `demo.mail` only."""
