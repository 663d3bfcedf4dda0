import { describe, expect, test } from 'vitest';
import { NoProxyError, parseNoProxy } from '../../src/graph/no-proxy.ts';

const goesPast = (noProxy: string, url: string) => parseNoProxy(noProxy)(new URL(url));

describe('NO_PROXY', () => {
  test.each([
    ['*', 'https://graph.microsoft.com'],
    ['a.example, *', 'https://graph.microsoft.com'],
    ['graph.microsoft.com', 'https://GRAPH.microsoft.com'],
    ['microsoft.com', 'https://graph.microsoft.com'],
    ['.microsoft.com', 'https://microsoft.com'],
    ['*.microsoft.com', 'https://graph.microsoft.com'],
    ['microsoft.com.', 'https://graph.microsoft.com.'],
    ['a.example\n\tb.example  localhost', 'http://localhost:9000'],
    ['bücher.example', 'https://xn--bcher-kva.example'],
    ['my_host', 'http://my_host'],
    ['a.example:443', 'https://a.example'],
    ['a.example:80', 'http://a.example'],
    ['*:9000', 'http://a.example:9000'],
    ['10.0.0.0/8', 'https://10.1.2.3'],
    ['10.9.9.9/8', 'https://10.1.2.3'],
    ['127.0.0.1', 'http://127.1:9000'],
    ['0.0.0.0/0', 'http://127.0.0.1'],
    ['192.168.1.7/32', 'http://192.168.1.7'],
    ['::1', 'http://[::1]:9000'],
    ['[::1]:9000', 'http://[::1]:9000'],
    ['[FD00::1]', 'http://[fd00:0::1]'],
    ['fd00::/8', 'https://[fd12:3456::1]'],
    ['[fd00::]/8', 'https://[fd12:3456::1]'],
    ['10.0.0.0/8', 'https://[::ffff:10.1.2.3]'],
  ])('"%s" is for %s', (noProxy, url) => {
    expect(goesPast(noProxy, url)).toBe(true);
  });

  test.each([
    ['', 'https://graph.microsoft.com'],
    ['soft.com', 'https://graph.microsoft.com'],
    ['graph.microsoft.com', 'https://microsoft.com'],
    ['*.microsoft.com', 'https://microsoft.com'],
    ['a.example:80', 'https://a.example'],
    ['*:9000', 'http://a.example'],
    ['10.0.0.0/8', 'https://11.0.0.1'],
    ['10.0.0.0/8', 'https://10.example'],
    ['192.168.1.7/31', 'http://192.168.1.8'],
    ['fd00::/8', 'https://[fe00::1]'],
    ['::/0', 'https://a.example'],
    ['[::1]:9000', 'http://[::1]'],
  ])('"%s" is not for %s', (noProxy, url) => {
    expect(goesPast(noProxy, url)).toBe(false);
  });

  test.each([
    ...['10.0.0.0/33', 'fd00::/129', '10.0.0.0/8:443', '10.0.0/24', 'a.example/24', '/8'],
    ...['10.*', '192.168.1.*', '10.0.0', '300.1.1.1', '127.1', '10.0.0.1-10.0.0.9'],
    ...['http://a.example', 'a.example/path', 'a.example:port', 'a.example:65536', 'u@a.example'],
    ...['<local>', '*example', 'a.*.example', '[a.example]', '[10.0.0.1]', '[::1', ';', '\u202e'],
  ])('"%s" is a fault, not silence', (item) => {
    expect(() => parseNoProxy(`localhost,${item}`)).toThrow(NoProxyError);
  });
});
