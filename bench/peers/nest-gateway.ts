/** Nest's HTTP server on its Fastify adapter, the faster one, before its TCP microservice. */
// Nest wants classes, also empty ones.
/* eslint-disable @typescript-eslint/no-extraneous-class */
import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { GatewayPeer } from '../lib/peer.ts';
import { user } from '../lib/peer.ts';
import { serveNest } from './nest-service.ts';

export const peer: GatewayPeer = {
  serve: ({ servicePort }) =>
    serveNest(servicePort, 'users.get', (input) => ({ ...user, ...(input as { id: number }) })),
  async gateway({ servicePort, httpPort }) {
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: servicePort },
    });
    await client.connect();
    class Users {
      get(id: string): unknown {
        return client.send('users.get', { id: Number(id) });
      }
    }
    class App {}
    Param('id')(Users.prototype, 'get', 0);
    Get(':id')(Users.prototype, 'get', Object.getOwnPropertyDescriptor(Users.prototype, 'get') ?? {});
    Controller('users')(Users);
    Module({ controllers: [Users] })(App);
    const app = await NestFactory.create(App, new FastifyAdapter(), { logger: false });
    await app.listen(httpPort, '127.0.0.1');
  },
};
