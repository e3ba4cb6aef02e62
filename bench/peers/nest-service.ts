/** A Nest TCP microservice with one pattern. Decorators are called by hand: Node strips types, it does not compile. */
// Nest wants classes, also empty ones.
/* eslint-disable @typescript-eslint/no-extraneous-class */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Transport } from '@nestjs/microservices';

export async function serveNest(
  port: number,
  pattern: string,
  handle: (input: unknown) => unknown,
): Promise<void> {
  class Service {
    answer(input: unknown): unknown {
      return handle(input);
    }
  }
  class App {}
  const method = Object.getOwnPropertyDescriptor(Service.prototype, 'answer') ?? {};
  MessagePattern(pattern)(Service.prototype, 'answer', method);
  Controller()(Service);
  Module({ controllers: [Service] })(App);
  const options = { transport: Transport.TCP, options: { host: '127.0.0.1', port }, logger: false } as const;
  await (await NestFactory.createMicroservice(App, options)).listen();
}
