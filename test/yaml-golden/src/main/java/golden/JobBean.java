package golden;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Properties;

/** The shape of the configuration as ElasticJob 3.0.5 stores it; 3.0.4, whose classes are used too, differs in one key. */
public final class JobBean {
    private String jobName;
    private String cron;
    private String timeZone;
    private int shardingTotalCount;
    private String shardingItemParameters = "";
    private String jobParameter = "";
    private boolean monitorExecution = true;
    private boolean failover;
    private boolean misfire = true;
    private int maxTimeDiffSeconds = -1;
    private int reconcileIntervalMinutes = 10;
    private String jobShardingStrategyType;
    private String jobExecutorThreadPoolSizeProviderType;
    private String jobErrorHandlerType;
    private Collection<String> jobListenerTypes = new ArrayList<>();
    private Collection<Object> jobExtraConfigurations = new ArrayList<>();
    private String description = "";
    private Properties props = new Properties();
    private boolean disabled;
    private boolean overwrite;
    private String label;
    private boolean staticSharding;

    public String getJobName() {
        return jobName;
    }

    public void setJobName(String value) {
        jobName = value;
    }

    public String getCron() {
        return cron;
    }

    public void setCron(String value) {
        cron = value;
    }

    public String getTimeZone() {
        return timeZone;
    }

    public void setTimeZone(String value) {
        timeZone = value;
    }

    public int getShardingTotalCount() {
        return shardingTotalCount;
    }

    public void setShardingTotalCount(int value) {
        shardingTotalCount = value;
    }

    public String getShardingItemParameters() {
        return shardingItemParameters;
    }

    public void setShardingItemParameters(String value) {
        shardingItemParameters = value;
    }

    public String getJobParameter() {
        return jobParameter;
    }

    public void setJobParameter(String value) {
        jobParameter = value;
    }

    public boolean isMonitorExecution() {
        return monitorExecution;
    }

    public void setMonitorExecution(boolean value) {
        monitorExecution = value;
    }

    public boolean isFailover() {
        return failover;
    }

    public void setFailover(boolean value) {
        failover = value;
    }

    public boolean isMisfire() {
        return misfire;
    }

    public void setMisfire(boolean value) {
        misfire = value;
    }

    public int getMaxTimeDiffSeconds() {
        return maxTimeDiffSeconds;
    }

    public void setMaxTimeDiffSeconds(int value) {
        maxTimeDiffSeconds = value;
    }

    public int getReconcileIntervalMinutes() {
        return reconcileIntervalMinutes;
    }

    public void setReconcileIntervalMinutes(int value) {
        reconcileIntervalMinutes = value;
    }

    public String getJobShardingStrategyType() {
        return jobShardingStrategyType;
    }

    public void setJobShardingStrategyType(String value) {
        jobShardingStrategyType = value;
    }

    public String getJobExecutorThreadPoolSizeProviderType() {
        return jobExecutorThreadPoolSizeProviderType;
    }

    public void setJobExecutorThreadPoolSizeProviderType(String value) {
        jobExecutorThreadPoolSizeProviderType = value;
    }

    public String getJobErrorHandlerType() {
        return jobErrorHandlerType;
    }

    public void setJobErrorHandlerType(String value) {
        jobErrorHandlerType = value;
    }

    public Collection<String> getJobListenerTypes() {
        return jobListenerTypes;
    }

    public void setJobListenerTypes(Collection<String> value) {
        jobListenerTypes = value;
    }

    public Collection<Object> getJobExtraConfigurations() {
        return jobExtraConfigurations;
    }

    public void setJobExtraConfigurations(Collection<Object> value) {
        jobExtraConfigurations = value;
    }

    public String getDescription() {
        return description;
    }

    public void setDescription(String value) {
        description = value;
    }

    public Properties getProps() {
        return props;
    }

    public void setProps(Properties value) {
        props = value;
    }

    public boolean isDisabled() {
        return disabled;
    }

    public void setDisabled(boolean value) {
        disabled = value;
    }

    public boolean isOverwrite() {
        return overwrite;
    }

    public void setOverwrite(boolean value) {
        overwrite = value;
    }

    public String getLabel() {
        return label;
    }

    public void setLabel(String value) {
        label = value;
    }

    public boolean isStaticSharding() {
        return staticSharding;
    }

    public void setStaticSharding(boolean value) {
        staticSharding = value;
    }
}
