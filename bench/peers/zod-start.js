// The least that a service with schemas is: a process that has imported zod, as all services of the other rows of Tutti do.
import 'zod';

process.send('ready');
setInterval(() => undefined, 60_000);
