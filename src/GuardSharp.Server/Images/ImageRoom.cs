using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Images;

/// <summary>The services that fetch images.</summary>
internal static class ImageRoom
{
    /// <summary>Adds them; options come from <see cref="ImageOptions.Section"/>.</summary>
    public static IServiceCollection AddImages(this IServiceCollection services)
    {
        services.AddOptions<ImageOptions>().BindConfiguration(ImageOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<ImageOptions>, AllowedHostsValidation>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IHostResolver, SystemHostResolver>();
        services.TryAddSingleton(AddressRule.Public);
        services.AddSingleton<ImageFetcher>();
        return services;
    }

    private sealed class AllowedHostsValidation : IValidateOptions<ImageOptions>
    {
        public ValidateOptionsResult Validate(string? name, ImageOptions options)
        {
            try
            {
                foreach (var host in options.AllowedHosts)
                    AllowedHost.Parse(host);
                return ValidateOptionsResult.Success;
            }
            catch (GuardException e)
            {
                return ValidateOptionsResult.Fail(e.Message);
            }
        }
    }
}
