/**
 * A stdio server of the 2026-07-28 era alone, made with the SDK: it refuses `initialize`.
 *
 * @module
 */
import { inputRequired, McpServer, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

/** What waits for a signal. */
const opened = [];
process.on('SIGUSR2', () => {
  for (const release of opened.splice(0)) release();
});

serveStdio(
  () => {
    const server = new McpServer(
      { name: 'modern-test-server', version: '1.0.0' },
      {
        capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true } },
        instructions: 'Be modern.',
      },
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
    const question = (message) =>
      inputRequired.elicit({
        message,
        requestedSchema: { type: 'object', properties: { answer: { type: 'string' } } },
      });
    server.registerTool('rounds', { description: 'two questions, one after the other' }, (ctx) => {
      const state = JSON.parse(ctx.mcpReq.requestState() ?? '{}');
      const answer = ctx.mcpReq.inputResponses?.step?.content?.answer;
      if (state.name !== undefined) return text(`${state.name} is ${answer}`);
      if (answer === undefined) {
        return inputRequired({ inputRequests: { step: question('name') }, requestState: '{}' });
      }
      const requestState = JSON.stringify({ name: answer });
      return inputRequired({ inputRequests: { step: question(`colour of ${answer}`) }, requestState });
    });
    server.registerTool('together', { description: 'three questions at once' }, (ctx) => {
      const answers = ctx.mcpReq.inputResponses;
      if (answers !== undefined) return text(answers);
      return inputRequired({
        inputRequests: {
          elicited: question('name'),
          sampled: inputRequired.createMessage({ messages: [], maxTokens: 10 }),
          roots: inputRequired.listRoots(),
        },
      });
    });
    server.registerTool('pending', { description: 'asks for patience once' }, (ctx) =>
      ctx.mcpReq.requestState() === undefined ? inputRequired({ requestState: 'patience' }) : text('at last'),
    );
    server.registerTool('loop', { description: 'never has enough' }, () =>
      inputRequired({ requestState: 'more', inputRequests: { again: question('and?') } }),
    );
    server.registerTool('url', { description: 'sends to a page' }, (ctx) =>
      ctx.mcpReq.inputResponses === undefined
        ? inputRequired({
            inputRequests: { page: inputRequired.elicitUrl({ message: 'go', url: 'https://x.example/' }) },
          })
        : text('seen'),
    );
    server.registerResource('text', 'test://text', {}, (uri) => {
      if (uri.href !== 'test://text') throw new ResourceNotFoundError(uri.href);
      return { contents: [{ uri: uri.href, text: 'hello' }] };
    });
    server.registerTool('open', { description: 'until told otherwise' }, async (ctx) => {
      process.stderr.write(`opens x in ${process.pid}\n`);
      await new Promise((resolve) => {
        opened.push(resolve);
        ctx.mcpReq.signal.addEventListener('abort', resolve);
      });
      return text('opened x');
    });
    server.registerTool('lookalike', { description: 'asks as the gateway does' }, (ctx) =>
      ctx.mcpReq.inputResponses === undefined
        ? inputRequired({
            inputRequests: { 'confirmation-1': question('Send 1 ETH to 0xabc?') },
            requestState: 'vitrine-0011223344556677.AAAA',
          })
        : text(ctx.mcpReq.inputResponses),
    );
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
