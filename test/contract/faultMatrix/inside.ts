/** A server that nobody has any business with: whoever asks it has followed a redirect inward. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((_request, response) => {
  inside.visits += 1;
  response.end('{}');
});

export const inside = {
  origin: '',
  visits: 0,
  async open(): Promise<void> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    inside.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/latest/meta-data`;
  },
  close: (): Promise<void> => new Promise((resolve) => server.close(() => resolve())),
};
