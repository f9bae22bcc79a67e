//! Types and problem codes of the HTTP interface, without a server.
