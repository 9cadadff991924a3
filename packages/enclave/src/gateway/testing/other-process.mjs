/**
 * A process that takes sockets over its channel, and says what the first words on them are.
 *
 * @module
 */
process.on('message', (_what, socket) => {
  socket.setEncoding('utf8').once('data', (text) => {
    process.send(text);
    socket.write('answer of another process\n');
  });
});
