// The HTTP half of service.js, apart from it: who only rests shall not load node:http.
import { createServer } from 'node:http';

export function serve(port) {
  createServer((_request, response) => {
    response.end(JSON.stringify({ pid: process.pid }));
  }).listen(port, '127.0.0.1');
}
