/* htmx extension "upload": a request with a file uses XMLHttpRequest, because fetch() reports no upload progress.
   The form's [data-bar], [data-figures] and [data-name] show the progress; [data-abort] cancels it. */
(() => {
  let api;

  const send = (ctx, form) => (url, request) => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, url);
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded, total }) => api.triggerHtmxEvent(form, 'upload:progress', { ctx, loaded, total });
    xhr.onload = () => resolve(asResponse(xhr));
    xhr.onerror = () => reject(new TypeError('The upload was cut off'));
    xhr.onabort = () => reject(new DOMException('Cancelled', 'AbortError'));
    request.signal.addEventListener('abort', () => xhr.abort());
    xhr.send(request.body);
  });

  const asResponse = (xhr) => {
    const headers = new Headers();
    for (const line of xhr.getAllResponseHeaders().trim().split(/[\r\n]+/)) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const body = [204, 205, 304].includes(xhr.status) ? null : xhr.response;
    const response = new Response(body, { status: xhr.status, statusText: xhr.statusText, headers });
    Object.defineProperty(response, 'url', { value: xhr.responseURL });
    return response;
  };

  const fileIn = (body) => body instanceof FormData && [...body.values()].find((value) => value instanceof File && value.size);

  htmx.registerExtension('upload', {
    init: (internal) => { api = internal; },
    htmx_before_request: (form, { ctx }) => {
      if (!fileIn(ctx.request.body)) return;
      clearTimeout(ctx.requestTimeout); // an upload may take any time
      ctx.fetch = send(ctx, form);
    },
  });

  /* The visible progress. */
  const part = (form, name) => form.querySelector(`[data-${name}]`);
  const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
  const timeLeft = (seconds) => (seconds < 1.5 ? 'a second left' : seconds < 90 ? `${Math.round(seconds)} s left` : `${Math.round(seconds / 60)} min left`);
  const started = new WeakMap();

  const show = (form, isSending, failure = '') => {
    form.querySelector('.drop-choose').hidden = isSending;
    form.querySelector('.drop-progress').hidden = !isSending;
    const message = form.querySelector('.drop-failed');
    message.textContent = failure;
    message.hidden = !failure;
    if (!isSending) form.reset();
  };

  document.addEventListener('htmx:before:request', ({ detail: { ctx } }) => {
    const form = ctx.sourceElement;
    const file = form.matches?.('[data-drop]') && fileIn(ctx.request.body);
    if (!file) return;
    started.set(form, performance.now());
    show(form, true);
    part(form, 'name').textContent = file.name;
    part(form, 'figures').textContent = `0 of ${megabytes(file.size)} MB`;
    part(form, 'bar').value = 0;
    part(form, 'abort').focus();
  });
  document.addEventListener('upload:progress', ({ target: form, detail: { loaded, total } }) => {
    const seconds = (performance.now() - started.get(form)) / 1000;
    const speed = loaded / Math.max(seconds, 0.001);
    part(form, 'bar').value = loaded / total;
    const pace = seconds > 0.7 ? ` · ${megabytes(speed)} MB/s · ${timeLeft((total - loaded) / speed)}` : '';
    part(form, 'figures').textContent = loaded < total ? `${megabytes(loaded)} of ${megabytes(total)} MB${pace}` : `${megabytes(total)} MB sent, waiting for the server…`;
  });
  document.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
    const form = ctx.sourceElement;
    if (!form.matches?.('[data-drop]') || ctx.hx?.redirect || ctx.hx?.location) return;
    const status = ctx.response?.status;
    const isCancelled = ctx.status?.includes?.('AbortError');
    show(form, false, isCancelled || status ? '' : 'The upload was cut off. Check your connection and choose the file again.');
  });
  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-abort]');
    if (button) htmx.trigger(button.form, 'htmx:abort');
  });
})();
