import type { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';

/** Bytes of one answer, and of one line of a watch. An object of etcd has at most 1.5 MiB, and a page holds a few dozen. */
const longestAnswer = 64 << 20;

/**
 * Bounds what is read of any answer of the Kubernetes API, and follows no redirect of it. The library reads whatever comes into one text, and where that becomes too long
 * for JavaScript it throws where nobody can catch it, which would end the process.
 */
export function boundAnswers(config: KubeConfig, longest: number = longestAnswer): void {
  const authenticate = config.applySecurityAuthentication.bind(config);
  config.applySecurityAuthentication = async (context) => {
    await authenticate(context);
    const dispatcher = context.getDispatcher();
    if (dispatcher !== undefined) context.setDispatcher(dispatcher.compose(bounded(longest)));
  };
}

function bounded(longest: number): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const watches = /[?&]watch=true(?:&|$)/.test(options.path);
    let length = 0;
    return dispatch(options, {
      onRequestStart: (...args) => handler.onRequestStart?.(...args),
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart(controller, status, ...rest) {
        if (status >= 300 && status < 400) controller.abort(new Error('a redirect is not followed'));
        else handler.onResponseStart?.(controller, status, ...rest);
      },
      onResponseData(controller, chunk) {
        const lineEnd = watches ? chunk.lastIndexOf(0x0a) : -1;
        length = lineEnd < 0 ? length + chunk.length : chunk.length - 1 - lineEnd;
        if (length > longest) controller.abort(new Error('the answer is longer than it may be'));
        else handler.onResponseData?.(controller, chunk);
      },
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });
  };
}
