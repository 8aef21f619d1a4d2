using GuardSharp.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.AI;

/// <summary>Puts guards into pipelines of chat clients.</summary>
public static class GuardedChatClientBuilderExtensions
{
    /// <summary>Puts a guard around the inner client and what is added to the builder after this.</summary>
    /// <param name="builder">The pipeline. What is added before this call is outside the guard, what is added after it inside.</param>
    /// <param name="guard">The guard; the caller's.</param>
    /// <param name="options">What to judge; null: the defaults.</param>
    public static ChatClientBuilder UseGuard(this ChatClientBuilder builder, GuardSharp.IGuard guard, GuardedChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(guard);
        return builder.Use((inner, services) => new GuardedChatClient(inner, guard, options, services.GetService<ILogger<GuardedChatClient>>()));
    }

    /// <summary>Puts the guard of the services around the inner client and what is added to the builder after this.</summary>
    /// <param name="builder">The pipeline.</param>
    /// <param name="options">What to judge; null: <see cref="GuardedChatOptions"/> of the services, or the defaults.</param>
    public static ChatClientBuilder UseGuard(this ChatClientBuilder builder, GuardedChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use((inner, services) => Create(inner, services, services.GetRequiredService<GuardSharp.IGuard>(), options));
    }

    /// <summary>Puts a keyed guard of the services around the inner client and what is added to the builder after this.</summary>
    /// <param name="builder">The pipeline.</param>
    /// <param name="guardKey">The guard's key.</param>
    /// <param name="options">What to judge; null: <see cref="GuardedChatOptions"/> of the services under the key, or the defaults.</param>
    public static ChatClientBuilder UseKeyedGuard(this ChatClientBuilder builder, object guardKey, GuardedChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(guardKey);
        return builder.Use((inner, services) => Create(
            inner, services, services.GetRequiredKeyedService<GuardSharp.IGuard>(guardKey), options ?? services.GetKeyedService<GuardedChatOptions>(guardKey)));
    }

    private static GuardedChatClient Create(Microsoft.Extensions.AI.IChatClient inner, IServiceProvider services, GuardSharp.IGuard guard, GuardedChatOptions? options) =>
        new(inner, guard, options ?? services.GetService<GuardedChatOptions>(), services.GetService<ILogger<GuardedChatClient>>());
}
