/**
 * A stdio server of the 2026-07-28 era alone, made with the SDK: it refuses `initialize`.
 *
 * @module
 */
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

serveStdio(
  () => {
    const server = new McpServer(
      { name: 'modern-test-server', version: '1.0.0' },
      { capabilities: { tools: { listChanged: true }, logging: {} } },
    );
    const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
    server.registerTool('whoami', { description: 'pid and meta' }, (ctx) =>
      text({ pid: process.pid, meta: ctx.mcpReq._meta ?? null }),
    );
    server.registerTool('progress', { description: 'three notes' }, async (ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (const progress of [1, 2, 3]) {
        await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
      }
      return text('done');
    });
    server.registerTool('log', { description: 'one record' }, async (ctx) => {
      await ctx.mcpReq.log('error', 'large');
      return text('logged');
    });
    server.registerTool('change', { description: 'announces a change' }, () => {
      server.sendToolListChanged();
      return text('changed');
    });
    server.registerTool('hang', { description: 'until cancelled' }, async (ctx) => {
      process.stderr.write('hangs\n');
      await new Promise((resolve) => ctx.mcpReq.signal.addEventListener('abort', resolve));
      process.stderr.write('cancelled a request\n');
      return text('cancelled');
    });
    return server;
  },
  { legacy: 'reject' },
);
