using DiffeoNN.Onnx.Inference;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Models in a container: each bundle an <see cref="EquivariantModel"/> under its name, loaded once, disposed with the
/// container.</summary>
public static class DiffeoServices
{
    /// <summary>Adds a model: a keyed singleton under its name, and, for the first one, without a key as well.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="name">The key; each at most once.</param>
    /// <param name="configure">Sets at least the bundle.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentException">The name is empty, or has been added.</exception>
    /// <remarks>The options are checked before the host starts (<see cref="OptionsValidationException"/>).</remarks>
    public static IServiceCollection AddDiffeoNN(this IServiceCollection services, string name, Action<DiffeoModelOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Add(services, name).Configure(configure);
        return services;
    }

    /// <summary>Adds a model from its configuration.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="name">The key; each at most once.</param>
    /// <param name="section">Holds properties of <see cref="DiffeoModelOptions"/>, at least <c>Bundle</c>.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentException">The name is empty, or has been added.</exception>
    /// <remarks>A setting that is none, or whose value cannot be read, fails the start as other options do
    /// (<see cref="OptionsValidationException"/>), with the model and the section named.</remarks>
    public static IServiceCollection AddDiffeoNN(this IServiceCollection services, string name, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        Add(services, name).Configure(options => ModelSection.Bind(section, options));
        services.AddSingleton<IOptionsChangeTokenSource<DiffeoModelOptions>>(
            new ConfigurationChangeTokenSource<DiffeoModelOptions>(name, section));
        return services;
    }

    /// <summary>Adds a model for each child of a section, under the child's name.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="section">Such as <c>{ "lungs": { "Bundle": "models/lungs" } }</c>.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentException">The section has no children, or a model of that name has been added.</exception>
    public static IServiceCollection AddDiffeoNN(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        var children = section.GetChildren().ToList();
        if (children.Count == 0)
        {
            var path = section is IConfigurationSection one ? $"'{one.Path}'" : "The configuration";
            throw new ArgumentException(
                $"{path} names no models; expected one section for each, such as {{ \"lungs\": {{ \"Bundle\": \"models/lungs\" }} }}.",
                nameof(section));
        }

        foreach (var child in children) services.AddDiffeoNN(child.Key, child);
        return services;
    }

    /// <summary>Adds a health check of a model: unhealthy until it is loaded and after a run failed by the model's own fault, degraded
    /// while its queue is full.</summary>
    /// <param name="builder">Where to.</param>
    /// <param name="name">The model's.</param>
    /// <param name="tags">Of the check; null for none.</param>
    /// <returns>The same builder.</returns>
    public static IHealthChecksBuilder AddDiffeoNN(this IHealthChecksBuilder builder, string name, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            $"diffeonn-{name}", provider => new ModelHealth(provider.GetRequiredKeyedService<HostedModel>(name)), null, tags));
    }

    private static OptionsBuilder<DiffeoModelOptions> Add(IServiceCollection services, string name)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (services.Any(service => service.ServiceType == typeof(HostedModel) && name.Equals(service.ServiceKey)))
            throw new ArgumentException($"A model '{name}' has been added already; give each its own name.", nameof(name));
        services.AddKeyedSingleton(name, (provider, _) => new HostedModel(
            name,
            provider.GetRequiredService<IOptionsMonitor<DiffeoModelOptions>>().Get(name),
            (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger(ModelTelemetry.Name)));
        services.AddKeyedSingleton(name, (provider, _) => provider.GetRequiredKeyedService<HostedModel>(name).Model);
        services.TryAddSingleton(provider => provider.GetRequiredKeyedService<EquivariantModel>(name));
        services.AddSingleton<IHostedService>(provider => new ModelWarmUp(() => provider.GetRequiredKeyedService<HostedModel>(name)));
        services.AddSingleton<IValidateOptions<DiffeoModelOptions>>(new DiffeoModelValidation(name));
        return services.AddOptions<DiffeoModelOptions>(name).ValidateOnStart();
    }
}
