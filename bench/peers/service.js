// The service of bench/supervision.ts as a program, for PM2 and for the floor.
import { begin } from '../lib/service.js';

await begin(process.env);
