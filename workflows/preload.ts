// For each promise a workflow makes, the SDK notes where. Ten frames of it are a quarter of a
// workflow's time; these tell who made it, and where an error was thrown.
Error.stackTraceLimit = 3;
