using Yarp.ReverseProxy.Forwarder;

namespace GuardSharp.Balancer;

/// <summary>Sends a request to another replica when the first died or could not be reached, as long as no byte of an answer has left.</summary>
/// <remarks>
/// A verdict depends on nothing but its request, so judging twice does no harm: at worst two decisions are recorded. Bodies are held in
/// memory, never on a disk, until they are answered. A streamed answer that has begun cannot be taken back.
/// </remarks>
internal static class AnotherTry
{
    /// <summary>Bytes of a request's body.</summary>
    public const int MaxBodyBytes = 32 << 20;

    /// <summary>Runs the rest of the proxy's pipeline, once for each replica at most.</summary>
    public static async Task RunAsync(HttpContext context, Func<Task> next)
    {
        context.Request.EnableBuffering(bufferThreshold: MaxBodyBytes, bufferLimit: MaxBodyBytes);
        var proxy = context.GetReverseProxyFeature();
        var left = proxy.AvailableDestinations;
        while (true)
        {
            await next().ConfigureAwait(false);
            if (context.Response.HasStarted || context.GetForwarderErrorFeature()?.Error is not (ForwarderError.Request or ForwarderError.RequestBodyDestination))
                return;
            left = [.. left.Where(destination => destination != proxy.ProxiedDestination)];
            if (left.Count == 0)
                return;
            proxy.AvailableDestinations = left;
            proxy.ProxiedDestination = null;
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear();
            context.Request.Body.Position = 0;
        }
    }
}
