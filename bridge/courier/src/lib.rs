//! The courier: outbox minus inbox as a pure step function.
