// The least that a process of Node is: it says that it is there.
process.send('ready');
setInterval(() => undefined, 60_000);
